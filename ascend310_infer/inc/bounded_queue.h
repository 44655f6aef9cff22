// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// Hands work from one thread to the next and never holds more than its capacity.
#ifndef ASCEND310_INFER_INC_BOUNDED_QUEUE_H_
#define ASCEND310_INFER_INC_BOUNDED_QUEUE_H_

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace depth_infer {

template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

  // Waits for room. False, with `item` lost, once the queue is closed.
  bool Push(T item) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || items_.size() < capacity_; });
    if (closed_) return false;
    items_.push_back(std::move(item));
    changed_.notify_all();
    return true;
  }

  // Waits for an item. False once the queue is closed and what was pushed before has been taken.
  bool Pop(T* item) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !items_.empty(); });
    if (items_.empty()) return false;
    *item = std::move(items_.front());
    items_.pop_front();
    changed_.notify_all();
    return true;
  }

  void Close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> items_;
  bool closed_ = false;
};

// Closes the queue at the end of the scope, also when an exception ends it: nobody waits for a thread that
// has gone.
template <typename T>
class QueueCloser {
 public:
  explicit QueueCloser(BoundedQueue<T>* queue) : queue_(queue) {}
  ~QueueCloser() { queue_->Close(); }
  QueueCloser(const QueueCloser&) = delete;
  QueueCloser& operator=(const QueueCloser&) = delete;

 private:
  BoundedQueue<T>* queue_;
};

}  // namespace depth_infer

#endif  // ASCEND310_INFER_INC_BOUNDED_QUEUE_H_
