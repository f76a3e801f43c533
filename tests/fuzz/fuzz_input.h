/* fuzz_input.h - what the harnesses share: the entry that libFuzzer and replay_corpus.c call, an invariant
 * that holds or ends the run, and bytes taken from the front of the input, which may have run out. */
#ifndef TESTS_FUZZ_FUZZ_INPUT_H
#define TESTS_FUZZ_FUZZ_INPUT_H
#include "shared/base/bytes.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Up to `count` bytes. */
static inline Bytes take(Bytes *input, size_t count)
{
    count = count < input->size ? count : input->size;
    Bytes taken = bytes_of(input->data, count);
    *input = bytes_of(input->data + count, input->size - count);
    return taken;
}

/* 0 when there is none. */
static inline uint8_t take_byte(Bytes *input)
{
    Bytes one = take(input, 1);
    return one.size > 0 ? one.data[0] : 0;
}

#endif
