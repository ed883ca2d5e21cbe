"""V2: the Open Inference Protocol over REST, with the extensions of Triton, KServe and MLServer."""
