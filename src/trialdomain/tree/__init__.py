"""Tamper evidence: leaf hashes, Merkle trees and their proofs, and the text formats of notes and checkpoints."""
