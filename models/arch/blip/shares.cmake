set(shares vit)
