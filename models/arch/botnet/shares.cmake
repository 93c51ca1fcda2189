set(shares byob)
