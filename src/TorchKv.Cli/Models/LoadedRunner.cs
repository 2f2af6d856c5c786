using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Serving.Sessions;

namespace TorchKv.Cli.Models;

/// <summary>A runner that has loaded a model. Whoever has it disposes it, until an engine takes it over.</summary>
/// <param name="Runner">The runner.</param>
/// <param name="Config">The model's configuration.</param>
/// <param name="Description">Model, runner, device, threads and dtype, in words.</param>
/// <param name="Identity">What session files are checked by.</param>
internal sealed record LoadedRunner(
    IModelRunner Runner, Gpt2Config Config, string Description, ModelIdentity Identity) : IDisposable
{
    public void Dispose() => Runner.Dispose();
}
