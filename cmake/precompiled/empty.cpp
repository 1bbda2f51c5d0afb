// CMake wants a source for a precompiled header.
