// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

static int held, freed;

/* put() is declared first: this is not its body */
static void put(int *refs);

static void hold(int *refs)
{
	++*refs;
}

static void put(int *refs)
{
	--*refs;
}

static int setup(int fail)
{
	int err = 0;

	hold(&held);
	if (fail)
		goto err_put; /* ";" and '}' mean nothing here */
	return err;

#ifdef NEVER
	return 2;
#endif
err_put:
	put(&held);
	if (held < 0) {
		puts("negative");
		return -1;
	}
	return 1;
}

static void
teardown(int quick)
{
	if (quick)
		put(&held);
	else if (held > 0)
		held = 0;
	freed = 1;
}

int main(void)
{
	int made;

	made = setup(1);
	printf("refused %d held %d\n", made, held);
	made = setup(0);
	printf("made %d held %d\n", made, held);
	teardown(1);
	printf("gone held %d freed %d\n", held, freed);
	return 0;
}
