// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// A test program in a few lines: TEST(Name) { EXPECT(...); } in any number, then TEST_MAIN().
#ifndef ASCEND310_INFER_TESTS_CHECK_H_
#define ASCEND310_INFER_TESTS_CHECK_H_

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace check {

struct Test {
  const char* name;
  void (*body)();
};

inline std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

inline int& NumFailed() {
  static int num_failed = 0;
  return num_failed;
}

inline bool Register(const char* name, void (*body)()) {
  Tests().push_back({name, body});
  return true;
}

inline void Fail(const char* file, int line, const std::string& what) {
  ++NumFailed();
  std::cerr << file << ":" << line << ": " << what << "\n";
}

inline int RunAll() {
  for (const Test& test : Tests()) {
    try {
      test.body();
    } catch (const std::exception& error) {
      Fail(test.name, 0, std::string("unexpected exception: ") + error.what());
    }
  }
  std::cout << Tests().size() << " tests, " << NumFailed() << " failed checks\n";
  return NumFailed() == 0 && !Tests().empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace check

#define TEST(name)                                                     \
  static void name();                                                  \
  static const bool name##_registered = check::Register(#name, &name); \
  static void name()

#define TEST_MAIN() \
  int main() { return check::RunAll(); }

#define EXPECT(condition)                                                       \
  do {                                                                          \
    if (!(condition)) check::Fail(__FILE__, __LINE__, "not true: " #condition); \
  } while (false)

// `expression` must throw an exception whose message contains `text`.
#define EXPECT_THROWS(expression, text)                                                    \
  do {                                                                                     \
    std::string check_message;                                                             \
    bool check_thrown = false;                                                             \
    try {                                                                                  \
      (void)(expression);                                                                  \
    } catch (const std::exception& check_error) {                                          \
      check_thrown = true;                                                                 \
      check_message = check_error.what();                                                  \
    }                                                                                      \
    if (!check_thrown) {                                                                   \
      check::Fail(__FILE__, __LINE__, "did not throw: " #expression);                      \
    } else if (check_message.find(text) == std::string::npos) {                            \
      check::Fail(__FILE__, __LINE__,                                                      \
                  "'" + check_message + "' does not contain '" + std::string(text) + "'"); \
    }                                                                                      \
  } while (false)

#endif  // ASCEND310_INFER_TESTS_CHECK_H_
