"""An audit bundle, held against itself: its manifest, its entries, its proofs."""
