set(shares seq2seq)
