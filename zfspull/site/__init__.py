"""What both ends need before a pull can work: `setup` makes it, `doctor` looks whether it is there."""
