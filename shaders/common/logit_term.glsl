// Additive terms of attention's logits, after attention.h.

// Masks say −∞ in many ways. Clipped to this, a difference of two logits is never ∞ − ∞; keys that do not exist
// lie below, so that they count for nothing even where all others are masked.
const float MASKED = -1e30, NO_KEY = -3e38;

// Where the row of an image, head and query begins in a term, in vectors of four keys.
uint term_row4(LogitTerm term, AttentionLayout a, uint image, uint head, uint query) {
  const uint row = ((image % term.images) * term.heads + head % term.heads) * term.queries;
  return (row + min(query, term.queries - 1)) * ((a.keys + 3) / 4);
}
