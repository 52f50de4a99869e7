"""What is known of each library: data only."""
