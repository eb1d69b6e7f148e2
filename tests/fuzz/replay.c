/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds a fuzz target every file of the folders named, and reports each as a line of TAP. An input that
 * crashes the target ends the program: then its name is the last on standard error, and there is no plan.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The file's bytes in memory of exactly their size, so that ASan sees a read past the end. NULL with errno set. */
static uint8_t *read_file(const char *path, size_t *size)
{
	uint8_t *data = NULL;
	FILE *file = fopen(path, "rb");

	if (!file)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0) {
		long end = ftell(file);

		rewind(file);
		data = end < 0 ? NULL : malloc((size_t)end);
		*size = end < 0 ? 0 : (size_t)end;
		if (data && fread(data, 1, *size, file) != *size) {
			free(data);
			data = NULL;
			errno = EIO;
		}
	}
	(void)fclose(file);
	return data;
}

static int replay(const char *folder, const char *name, unsigned number)
{
	char path[4096];
	uint8_t *data;
	size_t size = 0;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
		printf("not ok %u - %s # the path is too long\n", number, name);
		return 1;
	}
	(void)fprintf(stderr, "%s\n", path);
	data = read_file(path, &size);
	if (!data) {
		printf("not ok %u - %s # %s\n", number, name, strerror(errno));
		return 1;
	}
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	printf("ok %u - %s\n", number, name);
	return 0;
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay_folder(const char *folder, unsigned *count)
{
	struct dirent **entries = NULL;
	int failed = 0;
	int found = scandir(folder, &entries, is_input, alphasort);

	if (found <= 0) {
		printf("not ok %u - %s has inputs\n", ++*count, folder);
		return 1;
	}
	for (int i = 0; i < found; i++) {
		failed |= replay(folder, entries[i]->d_name, ++*count);
		free(entries[i]);
	}
	free(entries);
	return failed;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= replay_folder(argv[i], &count);
	printf("1..%u\n", count);
	return failed;
}
