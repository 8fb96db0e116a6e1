"""The YAML files: their shape, how they are read, and the rules across them."""
