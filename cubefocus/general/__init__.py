"""What the network of the search learns from, what it learns, and how it is compared with the bank of templates."""
