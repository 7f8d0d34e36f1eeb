"""The audit bundle: a log for an inspector, with the reports that follow from it and the proofs of its entries."""
