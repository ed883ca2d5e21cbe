"""What a method takes and gives: read from its annotations, decoded from bodies, encoded back."""
