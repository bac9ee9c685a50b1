// CRC32C by the processor's instruction (SSE 4.2, ARMv8 CRC) with a table version for those without. Three streams of
// the instruction run beside each other, since one takes three cycles to answer and can begin anew each cycle.
#include "CLinux.h"

#include <string.h>

#define POLYNOMIAL 0x82f63b78u  // Castagnoli, reflected

static uint32_t table[8][256];

__attribute__((constructor)) static void make_table(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = (crc & 1) ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
        table[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (int slice = 1; slice < 8; slice++)
            table[slice][byte] = (table[slice - 1][byte] >> 8) ^ table[0][table[slice - 1][byte] & 0xff];
}

static uint32_t by_table(uint32_t crc, const unsigned char *bytes, size_t length) {
    for (; length >= 8; bytes += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        word ^= crc;
        crc = table[7][word & 0xff] ^ table[6][(word >> 8) & 0xff] ^ table[5][(word >> 16) & 0xff] ^
              table[4][(word >> 24) & 0xff] ^ table[3][(word >> 32) & 0xff] ^ table[2][(word >> 40) & 0xff] ^
              table[1][(word >> 48) & 0xff] ^ table[0][word >> 56];
    }
    while (length--) crc = (crc >> 8) ^ table[0][(crc ^ *bytes++) & 0xff];
    return crc;
}

// x^(8 * bytes) modulo the polynomial, applied to a crc: what `bytes` zero bytes behind it would make of it.
#define BLOCK 1024
static uint32_t shift_block[4][256];

__attribute__((constructor(201))) static void make_shift(void) {
    // Shifting is linear: the 32 single bits are shifted zero by zero, every other value is a sum of them. That costs a
    // fraction of a millisecond at each start. Runs after nothing that it needs.
    uint32_t of_bit[32];
    for (int bit = 0; bit < 32; bit++) {
        uint32_t crc = (uint32_t)1 << bit;
        for (int zero = 0; zero < BLOCK * 8; zero++) crc = (crc & 1) ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
        of_bit[bit] = crc;
    }
    for (int position = 0; position < 4; position++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t crc = 0;
            for (int bit = 0; bit < 8; bit++)
                if (byte >> bit & 1) crc ^= of_bit[8 * position + bit];
            shift_block[position][byte] = crc;
        }
}

static inline uint32_t shifted(uint32_t crc) {
    return shift_block[0][crc & 0xff] ^ shift_block[1][(crc >> 8) & 0xff] ^ shift_block[2][(crc >> 16) & 0xff] ^
           shift_block[3][crc >> 24];
}

#if defined(__x86_64__)
#define INSTRUCTION __attribute__((target("sse4.2")))
#define CRC8(crc, word) ((uint32_t)__builtin_ia32_crc32di((crc), (word)))
#define CRC1(crc, byte) __builtin_ia32_crc32qi((crc), (byte))
static int has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
#include <sys/auxv.h>
#define INSTRUCTION __attribute__((target("+crc")))
#define CRC8(crc, word) __builtin_arm_crc32cd((crc), (word))
#define CRC1(crc, byte) __builtin_arm_crc32cb((crc), (byte))
static int has_instruction(void) { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
#endif

#ifdef INSTRUCTION
INSTRUCTION static uint32_t by_instruction(uint32_t crc, const unsigned char *bytes, size_t length) {
    while (length >= 3 * BLOCK) {
        uint32_t first = crc, second = 0, third = 0;
        for (size_t at = 0; at < BLOCK; at += 8) {
            uint64_t one, two, three;
            memcpy(&one, bytes + at, 8);
            memcpy(&two, bytes + BLOCK + at, 8);
            memcpy(&three, bytes + 2 * BLOCK + at, 8);
            first = CRC8(first, one);
            second = CRC8(second, two);
            third = CRC8(third, three);
        }
        crc = shifted(shifted(first) ^ second) ^ third;
        bytes += 3 * BLOCK;
        length -= 3 * BLOCK;
    }
    for (; length >= 8; bytes += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        crc = CRC8(crc, word);
    }
    while (length--) crc = CRC1(crc, *bytes++);
    return crc;
}
#endif

uint32_t clinux_crc32c(uint32_t crc, const void *bytes, size_t length) {
    crc = ~crc;
#ifdef INSTRUCTION
    static int known = -1;
    if (known < 0) known = has_instruction();
    if (known) return ~by_instruction(crc, bytes, length);
#endif
    return ~by_table(crc, bytes, length);
}

uint32_t clinux_crc32c_by_table(uint32_t crc, const void *bytes, size_t length) { return ~by_table(~crc, bytes, length); }
