"""The endpoints that a protocol derives, as data: each is one of a few families, with its parameters."""
