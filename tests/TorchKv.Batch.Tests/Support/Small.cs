using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime;
using TorchKv.Runtime.Text;
using TorchKv.Server.Models;
using TorchKv.TestSupport;

namespace TorchKv.Batch.Tests.Support;

/// <summary>One engine over weights/storyteller for all tests of the project.</summary>
public sealed class Small : IAsyncLifetime
{
    /// <summary>The folder's tokenizer, for tests with a fake generator.</summary>
    public static Gpt2Tokenizer Tokenizer { get; } = Gpt2Tokenizer.Load(RepositoryFiles.Weights("storyteller"));

    public Engine Engine { get; private set; } = null!;

    public ServedModel Model => new("storyteller", Engine, Engine.Tokenizer!, ChatTemplates.Transcript);

    public async ValueTask InitializeAsync() =>
        Engine = await Engine.LoadAsync(RepositoryFiles.Weights("storyteller"));

    public ValueTask DisposeAsync() => Engine.DisposeAsync();
}
