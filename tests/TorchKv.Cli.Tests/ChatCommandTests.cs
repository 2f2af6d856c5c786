using TorchKv.Cli.Commands;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class ChatCommandTests
{
    private static readonly string s_storyteller = RepositoryFiles.Weights("storyteller");

    [Fact]
    public async Task ASecondTurnEqualsAFreshRunOnTheJoinedTextAndCostsItsNewTokensOnly()
    {
        string[] line = ["chat", "--model", s_storyteller, "--max-new-tokens", "40", "--eos-token-id", "none"];
        var chat = await WithInput("Once upon a time, there was a little\nThen a big dog came\n/cache\n", line);
        Assert.Equal((0, ""), (chat.ExitCode, chat.Error));
        var first = await Of("generate", "--model", s_storyteller, "--prompt", "Once upon a time, there was a little", "--max-new-tokens", "40", "--eos-token-id", "none", "--json");
        Assert.StartsWith(first.Json.GetProperty("text").GetString() + "\n", chat.Out);
        var joined = "Once upon a time, there was a little" + first.Json.GetProperty("text").GetString() + "\nThen a big dog came";
        var second = await Of("generate", "--model", s_storyteller, "--prompt", joined, "--max-new-tokens", "40", "--eos-token-id", "none", "--json");
        Assert.Contains(second.Json.GetProperty("text").GetString() + "\n", chat.Out);
        // 48 stored tokens are three whole blocks: the second turn finds them.
        Assert.Contains("48 (", chat.Out);
    }

    [Fact]
    public async Task RewindForkAndSwitchGoWhereTheySay()
    {
        var chat = await WithInput(
            "Once upon a time\n/fork other\nA cat came\n/branches\n/rewind\n/switch main\n/rewind 2\n/nonsense\n/exit\nnever\n",
            "chat", "--model", s_storyteller, "--max-new-tokens", "4");
        Assert.Equal(0, chat.ExitCode);
        Assert.Contains("* other  2 turns", chat.Out);
        Assert.Contains("  main  1 turns", chat.Out);
        Assert.Contains("2 turns cannot be taken back; there is 1", chat.Error);
        Assert.Contains("there is no command /nonsense", chat.Error);
        Assert.DoesNotContain("never", chat.Out);
    }

    [Fact]
    public async Task ATurnThatDoesNotFitTheContextLeavesTheConversationAsItWas()
    {
        var tooLong = string.Join(' ', Enumerable.Repeat("dog", 600));
        var chat = await WithInput($"Once upon a time\n{tooLong}\n/branches\n", "chat", "--model", s_storyteller, "--max-new-tokens", "4");
        Assert.Contains("leave no room in the context of 512", chat.Error);
        Assert.Contains("* main  1 turns, 8 tokens", chat.Out);
    }

    [Fact]
    public async Task ASavedConversationGoesOnInAnotherRun()
    {
        using var folder = new TemporaryFolder();
        var file = folder["story.chat"];
        string[] line = ["chat", "--model", s_storyteller, "--max-new-tokens", "10", "--session", file];
        await WithInput("Once upon a time\n", line);
        var apart = await WithInput("The dog said\n", line);
        var together = await WithInput("Once upon a time\nThe dog said\n", line[..^2]);
        Assert.EndsWith(together.Out.Split('\n', 2)[1], apart.Out);
    }

    [Fact]
    public async Task SavedKeysAndValuesAreUsedAndDamagedOnesAreComputedAgainWithTheSameText()
    {
        using var folder = new TemporaryFolder();
        var file = folder["story.chat"];
        string[] line = ["chat", "--model", s_storyteller, "--max-new-tokens", "10", "--eos-token-id", "none"];
        await WithInput($"Once upon a time\n/save {file}\n", line);
        var restored = await WithInput($"/load {file}\nThe dog said\n/cache\n", line);
        Assert.Equal((0, ""), (restored.ExitCode, restored.Error));
        // 14 tokens, the last of them never fed.
        Assert.Contains(", 13 (", restored.Out);
        var bytes = File.ReadAllBytes(file + ".kv");
        bytes[^40] ^= 1;
        File.WriteAllBytes(file + ".kv", bytes);
        var recomputed = await WithInput($"/load {file}\nThe dog said\n/cache\n", line);
        Assert.Contains("computed again", recomputed.Error);
        Assert.Contains(", 0 (", recomputed.Out);
        Assert.Equal(restored.Out.Split('\n')[..2], recomputed.Out.Split('\n')[..2]);
    }

    [Fact]
    public void ADamagedOrForeignFileIsRefusedAndNothingChanges()
    {
        using var folder = new TemporaryFolder();
        var saved = new Conversation();
        saved.Current.Ids.AddRange([1, 2, 3]);
        saved.Current.Turns.Add(0);
        saved.Save(folder["a"], "model");
        var bytes = File.ReadAllBytes(folder["a"]);
        var conversation = new Conversation();
        conversation.Load(folder["a"], "model", vocabulary: 4, context: 8);
        Assert.Equal([1, 2, 3], conversation.Current.Ids);
        Assert.Contains("another model", Assert.Throws<TorchKvException>(() => conversation.Load(folder["a"], "other", 4, 8)).Message);
        Assert.Throws<TorchKvException>(() => conversation.Load(folder["a"], "model", vocabulary: 3, context: 8));
        Assert.Throws<TorchKvException>(() => conversation.Load(folder["a"], "model", vocabulary: 4, context: 2));
        for (var i = 0; i < bytes.Length; i++)
        {
            var damaged = (byte[])bytes.Clone();
            damaged[i] ^= 1;
            File.WriteAllBytes(folder["b"], damaged);
            Assert.Throws<TorchKvException>(() => conversation.Load(folder["b"], "model", 4, 8));
            File.WriteAllBytes(folder["b"], bytes[..i]);
            Assert.Throws<TorchKvException>(() => conversation.Load(folder["b"], "model", 4, 8));
        }

        Assert.Equal([1, 2, 3], conversation.Current.Ids);
    }

    [Fact]
    public Task ThePortHasNoPrefixCacheToChatOver() => RefusesUsage("leave out --runner torch", "chat", "--runner", "torch");
}
