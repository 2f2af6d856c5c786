using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Extensions.AI.Tests;

public sealed class AddTorchKvTests
{
    private static readonly string Folder = RepositoryFiles.Weights("storyteller");
    private static readonly ChatOptions Short = new() { Temperature = 0, MaxOutputTokens = 3 };

    [Fact]
    public async Task OneLineGivesAChatClient()
    {
        await using var provider = new ServiceCollection().AddTorchKv(Folder).BuildServiceProvider();
        var answer = await provider.GetRequiredService<IChatClient>().GetResponseAsync("Hi", Short);
        Assert.NotEmpty(answer.Text);
        Assert.Equal("storyteller", answer.ModelId);
        Assert.Same(provider.GetRequiredService<Engine>(), provider.GetRequiredService<IGenerator>());
        Assert.Same(provider.GetRequiredService<Engine>().Tokenizer, provider.GetRequiredService<Gpt2Tokenizer>());
        Assert.Same(ChatTemplates.Transcript, provider.GetRequiredService<IChatTemplate>());
    }

    [Fact]
    public async Task AnUnusableTokenizerIsNamedWhereMessagesAreRead()
    {
        var folder = RepositoryFiles.Fixture("reports", "c-wp");
        await using var provider = new ServiceCollection().AddTorchKv(folder).BuildServiceProvider();
        var problem = provider.GetRequiredService<Engine>().TokenizerProblem;
        Assert.NotNull(problem);
        Assert.Contains(
            problem, Assert.Throws<RequestException>(provider.GetRequiredService<IChatClient>).Message);
        Assert.Contains(
            problem, Assert.Throws<RequestException>(provider.GetRequiredService<Gpt2Tokenizer>).Message);
    }

    [Fact]
    public async Task KeyedModelsAreApart()
    {
        await using var provider = new ServiceCollection()
            .AddKeyedTorchKv("large", Folder)
            .AddKeyedTorchKv(
                "small",
                RepositoryFiles.Weights("storyteller-draft"),
                o => o.Template = ChatTemplates.Plain)
            .BuildServiceProvider();
        Assert.NotSame(
            provider.GetRequiredKeyedService<Engine>("large"),
            provider.GetRequiredKeyedService<Engine>("small"));
        Assert.Null(provider.GetService<IChatClient>());
        var answer = await provider.GetRequiredKeyedService<IChatClient>("small").GetResponseAsync("Hi", Short);
        Assert.Equal("storyteller-draft", answer.ModelId);
        Assert.Same(
            ChatTemplates.Plain,
            provider.GetRequiredKeyedService<IChatClient>("small").GetService<IChatTemplate>());
    }

    [Fact]
    public async Task DisposingTheProviderDisposesTheEngine()
    {
        Engine engine;
        await using (var provider = new ServiceCollection().AddTorchKv(Folder).BuildServiceProvider())
        {
            engine = provider.GetRequiredService<Engine>();
        }

        Assert.Throws<EngineClosedException>(() => engine.Submit("Hi"));
    }

    [Fact]
    public async Task AHostLoadsTheModelBeforeItTakesWork()
    {
        await using var provider = new ServiceCollection()
            .AddTorchKv(RepositoryFiles.At("no-such-folder"))
            .BuildServiceProvider();
        var start = provider.GetServices<IHostedService>().Single();
        await Assert.ThrowsAnyAsync<TorchKvException>(() => start.StartAsync(CancellationToken.None));
    }

    [Fact]
    public async Task ThePipelineComposes()
    {
        await using var provider = new ServiceCollection().AddTorchKv(Folder).BuildServiceProvider();
        var inner = provider.GetRequiredService<IChatClient>();
        using var client = inner.AsBuilder().UseOpenTelemetry().ConfigureOptions(o => o.Temperature = 0).Build();
        var answer = await client.GetResponseAsync("Hi", new ChatOptions { MaxOutputTokens = 3 });
        Assert.Equal((await inner.GetResponseAsync("Hi", Short)).Text, answer.Text);
    }
}
