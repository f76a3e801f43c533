/* replay_corpus.c - runs a harness over every file of its corpus, without libFuzzer: the regression test that
 * CTest knows as fuzz.<decoder>. Fails when the folder is missing or holds no file, so that a lost corpus is
 * not mistaken for a clean one. */
#include "shared/base/bytes.h"
#include "tests/fuzz/fuzz_input.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Exactly as many bytes as the file has, from the heap: a read past the end is then seen by the sanitizer. */
static bool replay(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: cannot open\n", path);
        return false;
    }
    uint8_t *data = malloc(size ? size : 1);
    bool ok = data && fread(data, 1, size, file) == size;
    fclose(file);
    if (ok) {
        LLVMFuzzerTestOneInput(data, size);
    } else {
        fprintf(stderr, "%s: cannot read\n", path);
    }
    free(data);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    DIR *folder = opendir(argv[1]);
    if (!folder) {
        fprintf(stderr, "%s: no such folder\n", argv[1]);
        return 1;
    }
    unsigned replayed = 0, failed = 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char path[4096];
        struct stat info;
        int length = snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (length < 0 || (size_t)length >= sizeof path || stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
            continue;
        }
        if (replay(path, (size_t)info.st_size)) {
            replayed++;
        } else {
            failed++;
        }
    }
    closedir(folder);
    printf("%s: %u inputs replayed, %u could not be read\n", argv[1], replayed, failed);
    return replayed > 0 && failed == 0 ? 0 : 1;
}
