// Operators: looked up once by name, called through the dispatcher's boxed interface.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>

#include <cstring>
#include <vector>

#include "shared.h"

using namespace torchkv;

namespace {

struct Operator {
  c10::OperatorHandle handle;
  size_t arguments;
  std::vector<c10::IValue> defaults;  // per argument; None where there is none
};

// libtorch 1.13 has its own optional, 2.x std's: take whichever its API returns.
template <class T>
struct optional_of;
template <template <class> class Optional, class T>
struct optional_of<Optional<T>> {
  template <class U>
  using rebind = Optional<U>;
};
using OptionalTensor = optional_of<std::decay_t<decltype(std::declval<at::TensorOptions>().dtype_opt())>>::rebind<at::Tensor>;

double as_double(int64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

c10::Device device_of(int64_t bits) {
  return c10::Device(static_cast<c10::DeviceType>(bits & 0xff), static_cast<c10::DeviceIndex>(bits >> 8));
}

c10::IValue to_ivalue(const Value& value) {
  switch (value.tag) {
    case kNone:
      return c10::IValue();
    case kTensor:
      return c10::IValue(share(value.bits));
    case kInt:
      return c10::IValue(value.bits);
    case kDouble:
      return c10::IValue(as_double(value.bits));
    case kBool:
      return c10::IValue(value.bits != 0);
    case kIntList:
      return c10::IValue(c10::IntArrayRef(reinterpret_cast<const int64_t*>(value.bits), value.count));
    case kDoubleList:
      return c10::IValue(c10::ArrayRef<double>(reinterpret_cast<const double*>(value.bits), value.count));
    case kTensorList: {
      c10::List<at::Tensor> list;
      list.reserve(value.count);
      const auto* handles = reinterpret_cast<const int64_t*>(value.bits);
      for (int32_t i = 0; i < value.count; i++) list.push_back(share(handles[i]));
      return c10::IValue(std::move(list));
    }
    case kOptTensorList: {
      c10::List<OptionalTensor> list;
      list.reserve(value.count);
      const auto* handles = reinterpret_cast<const int64_t*>(value.bits);
      for (int32_t i = 0; i < value.count; i++)
        list.push_back(handles[i] == 0 ? OptionalTensor() : OptionalTensor(share(handles[i])));
      return c10::IValue(std::move(list));
    }
    case kString:
      return c10::IValue(std::string(reinterpret_cast<const char*>(value.bits), value.count));
    case kDevice:
      return c10::IValue(device_of(value.bits));
    case kGenerator:
      return c10::IValue(share_generator(value.bits));
    default:
      TORCH_CHECK(false, "unknown argument tag ", value.tag);
  }
}

// One call's arguments and results; kept per thread so that a call allocates no stack.
thread_local std::vector<c10::IValue> call_stack;
// Results past the caller's capacity (a long tensor list), until tkv_more fetches them.
thread_local std::vector<Value> overflow;

struct ClearStack {
  ~ClearStack() { call_stack.clear(); }
};

class Results {
 public:
  Results(Value* out, int32_t capacity) : out_(out), capacity_(capacity) { overflow.clear(); }

  void add(c10::IValue&& value) {
    if (value.isTensor()) {
      put({new_handle(std::move(value).toTensor()), kTensor, 0});
    } else if (value.isTensorList()) {
      for (const at::Tensor& item : value.toTensorVector()) put({new_handle(at::Tensor(item)), kTensor, 0});
    } else if (value.isInt()) {
      put({value.toInt(), kInt, 0});
    } else if (value.isDouble()) {
      int64_t bits;
      const double number = value.toDouble();
      std::memcpy(&bits, &number, sizeof bits);
      put({bits, kDouble, 0});
    } else if (value.isBool()) {
      put({value.toBool() ? 1 : 0, kBool, 0});
    } else if (value.isNone()) {
      put({0, kNone, 0});
    } else {
      TORCH_CHECK(false, "a result of type ", value.tagKind(), " has no C form");
    }
  }

  int32_t count() const { return count_; }

 private:
  void put(Value value) {
    if (count_ < capacity_)
      out_[count_] = value;
    else
      overflow.push_back(value);
    count_++;
  }

  Value* out_;
  int32_t capacity_;
  int32_t count_ = 0;
};

}  // namespace

// The operator aten::name.overload; null where this libtorch has none.
TKV_API void* tkv_operator(const char* name, const char* overload) {
  return guarded(static_cast<void*>(nullptr), [&]() -> void* {
    auto found = c10::Dispatcher::singleton().findSchema(c10::OperatorName(name, overload));
    TORCH_CHECK(static_cast<bool>(found), "libtorch has no operator ", name, *overload ? "." : "", overload);
    const auto& arguments = found->schema().arguments();
    auto* op = new Operator{*found, arguments.size(), {}};
    for (const auto& argument : arguments)
      op->defaults.push_back(argument.default_value() ? *argument.default_value() : c10::IValue());
    return op;
  });
}

// Calls an operator. Arguments past `count` take the schema's defaults. Returns the number of results (a tensor list
// counts its elements), the first `capacity` of them in `results`, the others from tkv_more; -1 on an error.
TKV_API int32_t tkv_call(void* op_handle, const Value* arguments, int32_t count, Value* results, int32_t capacity) {
  try {
    const auto& op = *static_cast<const Operator*>(op_handle);
    TORCH_CHECK(static_cast<size_t>(count) <= op.arguments, op.handle.operator_name(), " takes ", op.arguments, " arguments, not ", count);
    const ClearStack clear;
    auto& stack = call_stack;
    for (int32_t i = 0; i < count; i++) {
      if (arguments[i].tag == kDefault)
        stack.push_back(op.defaults[i]);
      else
        stack.push_back(to_ivalue(arguments[i]));
    }
    for (size_t i = count; i < op.arguments; i++) stack.push_back(op.defaults[i]);
    op.handle.callBoxed(stack);
    if (results == nullptr) return 0;
    Results out(results, capacity);
    for (auto& value : stack) out.add(std::move(value));
    return out.count();
  } catch (...) {
    set_error_from_current_exception();
    return -1;
  }
}

// The results of this thread's last call that did not fit.
TKV_API void tkv_more(Value* results, int32_t capacity) {
  for (int32_t i = 0; i < capacity && i < static_cast<int32_t>(overflow.size()); i++) results[i] = overflow[i];
  overflow.clear();
}
