namespace TorchSharp.Conformance;

/// <summary>The default generator is the process's, and every module that is made draws from it: tests that count on its seed run when no other does.</summary>
[CollectionDefinition(nameof(GlobalGenerator), DisableParallelization = true)]
public class GlobalGenerator;
