"""Keys, the signers of trees and heads, and the proofs about them."""
