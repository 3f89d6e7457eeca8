"""What a reader need not read: how TensorFlow is started, what tells one model from another, checks of inputs."""
