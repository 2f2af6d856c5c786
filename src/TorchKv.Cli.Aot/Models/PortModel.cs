using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Models;

/// <summary>The port's model, which this program does not have. There is no instance of it.</summary>
internal sealed class PortModel : IDisposable
{
    private PortModel(ModelShape shape, string description) => (Shape, Description) = (shape, description);

    public ModelShape Shape { get; }

    public string Description { get; }

    /// <exception cref="TorchKvException">Always.</exception>
    public static PortModel Load(ModelRequest request, Checkpoint checkpoint, CancellationToken cancellationToken) =>
        throw Libtorch.Missing;

    /// <exception cref="TorchKvException">Always.</exception>
    public static LoadedRunner LoadRunner(
        ModelRequest request, Checkpoint checkpoint, CancellationToken cancellationToken) => throw Libtorch.Missing;

    public void Dispose()
    {
    }
}
