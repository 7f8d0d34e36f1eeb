"""What callers give and people read: plain values, texts, names of files, words for numbers."""
