"""Operations in another process: calls over a stream of frames, and what if it dies."""
