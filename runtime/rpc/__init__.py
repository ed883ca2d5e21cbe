"""Service classes in processes of their own: calls as frames on a stream, and crash recovery."""
