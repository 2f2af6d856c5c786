namespace TorchKv.Cli.Tests;

/// <summary>Tests that draw from torch's one generator: alone, because a draw elsewhere would shift theirs.</summary>
[CollectionDefinition(nameof(TorchGenerator), DisableParallelization = true)]
public class TorchGenerator;
