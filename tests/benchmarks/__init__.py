"""What runs beside the programs and says how they compare."""
