"""Models that write: compare.py looks at the golden folders that transformers wrote. timm's tables do not have them."""
MILLIONS = {}
