using TorchKv.Runtime;
using TorchKv.TestSupport;

namespace TorchKv.Extensions.AI.Tests;

/// <summary>One engine over weights/storyteller for all tests of the project.</summary>
public sealed class StorytellerEngine : IAsyncLifetime
{
    public Engine Engine { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Engine = await Engine.LoadAsync(RepositoryFiles.Weights("storyteller"));

    public ValueTask DisposeAsync() => Engine.DisposeAsync();
}
