"""From a corpus to weights: recipe, preparation, batches, schedules and the loop that joins them."""
