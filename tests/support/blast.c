/*
 * Sends the packets of a pcap file over an interface at a steady pace, over and over: what a
 * capture is tried with. Each round counts up the IPv4 source address, so that its connections
 * are new ones.
 *
 *     blast INTERFACE FILE PACKETS_PER_SECOND ROUNDS
 *
 * Prints one JSON line: packets sent, those that were not, microseconds taken.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, SOURCE = 26, FILE_HEADER = 24, RECORD_HEADER = 16 };

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: blast INTERFACE FILE PACKETS_PER_SECOND ROUNDS\n");
    return 64;
  }
  FILE *file = fopen(argv[2], "rb");
  if (file == NULL) fail(argv[2]);
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(size);
  if (bytes == NULL || fread(bytes, 1, size, file) != size) fail(argv[2]);
  fclose(file);

  size_t count = 0;
  for (size_t at = FILE_HEADER; at < size; count++) {
    uint32_t captured;
    memcpy(&captured, bytes + at + 8, sizeof captured);
    at += RECORD_HEADER + captured;
  }
  struct iovec *frames = calloc(count, sizeof *frames);
  struct mmsghdr *messages = calloc(count, sizeof *messages);
  uint32_t *sources = calloc(count, sizeof *sources);
  if (frames == NULL || messages == NULL || sources == NULL) fail("memory");
  size_t at = FILE_HEADER;
  for (size_t index = 0; index < count; index++) {
    uint32_t captured;
    memcpy(&captured, bytes + at + 8, sizeof captured);
    frames[index].iov_base = bytes + at + RECORD_HEADER;
    frames[index].iov_len = captured;
    messages[index].msg_hdr.msg_iov = &frames[index];
    messages[index].msg_hdr.msg_iovlen = 1;
    memcpy(&sources[index], (uint8_t *)frames[index].iov_base + SOURCE, 4);
    sources[index] = ntohl(sources[index]);
    at += RECORD_HEADER + captured;
  }

  int out = socket(AF_PACKET, SOCK_RAW, 0);
  if (out < 0) fail("socket");
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET,
      .sll_ifindex = (int)if_nametoindex(argv[1]),
  };
  if (address.sll_ifindex == 0) fail(argv[1]);
  if (bind(out, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
  int yes = 1;
  setsockopt(out, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes);

  double pace = 1e9 / strtod(argv[3], NULL);
  unsigned long rounds = strtoul(argv[4], NULL, 10);
  uint64_t sent = 0, failed = 0;
  int64_t began = now_ns();
  for (unsigned long round = 0; round < rounds; round++) {
    for (size_t index = 0; index < count; index++) {
      uint32_t source = htonl(sources[index] + (uint32_t)round);
      memcpy((uint8_t *)frames[index].iov_base + SOURCE, &source, 4);
    }
    for (size_t index = 0; index < count;) {
      unsigned wanted = count - index < BATCH ? (unsigned)(count - index) : BATCH;
      int done = sendmmsg(out, messages + index, wanted, 0);
      if (done <= 0) {
        failed++;
        index++;
        continue;
      }
      sent += (uint64_t)done;
      index += (size_t)done;
      int64_t due = began + (int64_t)((double)(sent + failed) * pace);
      int64_t early = due - now_ns();
      if (early > 0) {
        struct timespec pause = {.tv_sec = early / 1000000000,
                                 .tv_nsec = early % 1000000000};
        nanosleep(&pause, NULL);
      }
    }
  }
  printf("{\"sent\":%llu,\"failed\":%llu,\"us\":%lld}\n",
         (unsigned long long)sent, (unsigned long long)failed,
         (long long)((now_ns() - began) / 1000));
  return 0;
}
