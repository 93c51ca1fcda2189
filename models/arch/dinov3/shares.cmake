set(shares eva)
