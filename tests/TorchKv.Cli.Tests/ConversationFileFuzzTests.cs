using System.Security.Cryptography;
using System.Text;
using TorchKv.Cli.Chat;
using TorchKv.Runtime.Contracts;
using TorchKv.TestSupport;

namespace TorchKv.Cli.Tests;

public sealed class ConversationFileFuzzTests
{
    private const int Vocabulary = 50;
    private const int Context = 16;

    /// <summary>A file that somebody made has the right checksum, so that everything behind it is reached.</summary>
    [Fact]
    public void ACraftedConversationIsPossibleOrRefused()
    {
        using var folder = new TemporaryFolder();
        var branches = new Dictionary<string, BranchContent>
        {
            ["main"] = new([1, 2, 3, 49, 0, 7], [0, 2, 5]),
            ["other"] = new([9], [0]),
            ["empty"] = new([], []),
        };
        ConversationFile.Save(folder["good"], "model", new ConversationContent("main", branches));
        var json = File.ReadAllText(folder["good"]).Split('\n')[1];
        var (read, refused) = (0, 0);
        foreach (var content in DamagedJson.Samples(json, 5_000, seed: 3))
        {
            var checksum = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA256.HashData(content)));
            File.WriteAllBytes(folder["crafted"], [.. checksum, (byte)'\n', .. content, (byte)'\n']);
            try
            {
                var conversation = ConversationFile.Load(folder["crafted"], "model", Vocabulary, Context);
                read++;
                Assert.True(conversation.Branches.ContainsKey(conversation.Current));
                foreach (var (ids, turns) in conversation.Branches.Values)
                {
                    Assert.InRange(ids.Count, 0, Context);
                    Assert.All(ids, id => Assert.InRange(id, 0, Vocabulary - 1));
                    Assert.Equal(turns.Distinct().Order(), turns);
                    Assert.All(turns, turn => Assert.InRange(turn, 0, ids.Count));
                }
            }
            catch (TorchKvException error)
            {
                refused++;
                Assert.Contains(folder["crafted"], error.Message);
                Assert.InRange(error.Message.Length, 1, 2_000);
            }
        }

        Assert.InRange(read, 100, 4_900);
        Assert.InRange(refused, 100, 4_900);
    }

    [Theory]
    [InlineData("""{"ids":[1,2,3],"turns":[2,1]}""")]
    [InlineData("""{"ids":[1,2,3],"turns":[-1]}""")]
    [InlineData("""{"ids":[1,2,3],"turns":[4]}""")]
    [InlineData("""{"ids":[1,2,3],"turns":[99999999999999999999]}""")]
    [InlineData("""{"ids":[1,2,50],"turns":[0]}""")]
    [InlineData("""{"ids":[1,2,-3],"turns":[0]}""")]
    [InlineData("""{"ids":[1,2,3.5],"turns":[0]}""")]
    [InlineData("""{"ids":[1,2,3],"turns":null}""")]
    [InlineData("""{"ids":"123","turns":[0]}""")]
    [InlineData("""{"turns":[0]}""")]
    [InlineData("""[[[[[[[[[[[[0]]]]]]]]]]]]""")]
    [InlineData("""{"ids":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"turns":[0]}""")]
    public void ABranchThatCannotBeIsRefused(string branch)
    {
        using var folder = new TemporaryFolder();
        var content = Encoding.UTF8.GetBytes(
            $$"""{"version":1,"model":"model","current":"main","branches":{"main":{{branch}} } }""");
        var checksum = Convert.ToHexStringLower(SHA256.HashData(content));
        File.WriteAllBytes(folder["a"], [.. Encoding.ASCII.GetBytes(checksum), (byte)'\n', .. content, (byte)'\n']);

        var error = Assert.Throws<TorchKvException>(
            () => ConversationFile.Load(folder["a"], "model", Vocabulary, Context));

        Assert.Contains(folder["a"], error.Message);
    }
}
