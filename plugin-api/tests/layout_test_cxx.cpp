// The same assertions as C++20: the headers mean the same in both languages.
#include "layout_test.c"
