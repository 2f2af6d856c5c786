// linear for few rows in float32 on the CPU, as one reads a matrix once: `tkv::linear_few_rows(Tensor input, Tensor weight,
// Tensor? bias) -> Tensor`. libtorch asks for a product of matrices however few the rows are, and OpenBLAS (Debian's libtorch)
// then copies the whole weight into its own layout before it uses it: twice to three times the traffic of a product of
// matrix and vector, of which this does one for each row, over pieces of the weight that stay in the cache from row to row.
#include <ATen/ATen.h>
#include <torch/library.h>

#include <algorithm>

namespace {

constexpr int64_t kPieceElements = 1 << 19;

at::Tensor linear_few_rows(const at::Tensor& input, const at::Tensor& weight, const c10::optional<at::Tensor>& bias) {
  const auto outputs = weight.size(0), inputs = weight.size(1);
  const auto rows = input.reshape({-1, inputs});
  auto sizes = input.sizes().vec();
  sizes.back() = outputs;
  const auto result = at::empty(sizes, input.options());
  const auto flat = result.view({-1, outputs});
  const auto piece = rows.size(0) == 1 ? outputs : std::max<int64_t>(1, kPieceElements / std::max<int64_t>(1, inputs));
  for (int64_t first = 0; first < outputs; first += piece) {
    const auto count = std::min(piece, outputs - first);
    const auto part = weight.narrow(0, first, count);
    for (int64_t row = 0; row < rows.size(0); row++) {
      auto target = flat.select(0, row).narrow(0, first, count);
      if (bias && bias->defined()) {
        at::addmv_out(target, bias->narrow(0, first, count), part, rows.select(0, row));
      } else {
        at::mv_out(target, part, rows.select(0, row));
      }
    }
  }
  return result;
}

}  // namespace

TORCH_LIBRARY(tkv, library) {
  library.def("linear_few_rows(Tensor input, Tensor weight, Tensor? bias) -> Tensor");
  library.impl("linear_few_rows", c10::DispatchKey::CPU, linear_few_rows);
}
