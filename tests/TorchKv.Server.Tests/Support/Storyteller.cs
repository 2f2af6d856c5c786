using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime;
using TorchKv.Runtime.Text;
using TorchKv.Server.Models;
using TorchKv.TestSupport;

namespace TorchKv.Server.Tests.Support;

/// <summary>One engine over weights/storyteller, and a server over it, for all tests of the project.</summary>
public sealed class Storyteller : IAsyncLifetime
{
    /// <summary>The folder's tokenizer, for tests with a fake generator.</summary>
    public static Gpt2Tokenizer Tokenizer { get; } = Gpt2Tokenizer.Load(RepositoryFiles.Weights("storyteller"));

    public Engine Engine { get; private set; } = null!;

    internal RunningServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Engine = await Engine.LoadAsync(RepositoryFiles.Weights("storyteller"));
        Server = await RunningServer.StartAsync(new ServedModel(
            "storyteller",
            Engine,
            Engine.Tokenizer!,
            ChatTemplates.Transcript), options =>
        {
            options.ModelAliases.Add("gpt-3.5-turbo");
            options.ModelAliases.Add("gpt-4");
        });
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Engine.DisposeAsync();
    }
}
