"""SageMaker's routes, and the bodies that only its clients send."""
