// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/bounded_queue.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "tests/check.h"

namespace {

using depth_infer::BoundedQueue;

TEST(KeepsTheOrderAndNeverHoldsMoreThanItsCapacity) {
  BoundedQueue<int> queue(2);
  std::atomic<int> num_pushed{0};
  std::thread producer([&] {
    for (int i = 0; i < 100; ++i) {
      queue.Push(i);
      ++num_pushed;
    }
    queue.Close();
  });
  int expected = 0;
  int value = -1;
  while (queue.Pop(&value)) {
    EXPECT(value == expected);
    ++expected;
    EXPECT(num_pushed <= expected + 2);
  }
  producer.join();
  EXPECT(expected == 100);
}

TEST(CloseLetsTheRestBeTaken) {
  BoundedQueue<int> queue(3);
  EXPECT(queue.Push(1));
  EXPECT(queue.Push(2));
  queue.Close();
  EXPECT(!queue.Push(3));
  int value = 0;
  EXPECT(queue.Pop(&value) && value == 1);
  EXPECT(queue.Pop(&value) && value == 2);
  EXPECT(!queue.Pop(&value));
}

TEST(CloseWakesAProducerThatWaitsForRoom) {
  BoundedQueue<int> queue(1);
  EXPECT(queue.Push(1));
  bool pushed = true;
  std::thread producer([&] { pushed = queue.Push(2); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  queue.Close();
  producer.join();
  EXPECT(!pushed);
}

TEST(CloserWakesAConsumerAlsoAfterAnException) {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  bool popped = true;
  std::thread consumer([&] {
    std::unique_ptr<int> item;
    popped = queue.Pop(&item);
  });
  try {
    const depth_infer::QueueCloser<std::unique_ptr<int>> closer(&queue);
    throw 1;
  } catch (int) {
  }
  consumer.join();
  EXPECT(!popped);
}

}  // namespace

TEST_MAIN()
