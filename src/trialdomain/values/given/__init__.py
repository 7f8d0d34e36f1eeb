"""Convert values from callers, and format values for people: plain values, texts, file names, plurals."""
