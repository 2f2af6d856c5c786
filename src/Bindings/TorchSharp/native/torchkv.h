// The C ABI between the managed TorchSharp API and libtorch. Every function is safe to call from any thread.
//
// A tensor handle is an owned reference to a c10::TensorImpl, a generator handle to a c10::GeneratorImpl.
// Functions that can fail return a negative number or a null handle and leave their reason in tkv_error(), per thread.
#pragma once

#include <cstdint>

#define TKV_API extern "C" __attribute__((visibility("default")))

namespace torchkv {

enum Tag : int32_t {
  kNone = 0,
  kTensor = 1,        // bits: handle, 0 for an undefined tensor
  kInt = 2,           // bits: int64 (also scalar types, layouts, memory formats)
  kDouble = 3,        // bits: the double's
  kBool = 4,          // bits: 0 or 1
  kIntList = 5,       // bits: const int64_t*, count elements
  kDoubleList = 6,    // bits: const double*, count elements
  kTensorList = 7,    // bits: const handle*, count elements
  kOptTensorList = 8, // as kTensorList; null handles are None (an index list)
  kString = 9,        // bits: const char*, count bytes of UTF-8
  kDevice = 10,       // bits: device type | index << 8 (the index signed)
  kGenerator = 11,    // bits: handle
  kDefault = 12,      // the schema's default value
};

struct Value {
  int64_t bits;
  int32_t tag;
  int32_t count;
};

static_assert(sizeof(Value) == 16, "Value is laid out as in Native.cs");

}  // namespace torchkv
