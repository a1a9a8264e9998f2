#include <stdio.h>

int main(void)
{
	puts("hello from a layer");
	return 0;
}
