using TorchKv.Benchmarks.Kernels;

return args is ["runner", .. var rest] ? RunnerBench.Run(rest) : 0;
