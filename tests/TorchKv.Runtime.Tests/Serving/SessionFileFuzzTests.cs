using System.Security.Cryptography;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Serving.Sessions;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

public sealed class SessionFileFuzzTests
{
    private const int Digest = 32;
    private const int FirstNumber = 44;
    private static readonly int[] s_numbers =
        [0, 1, 2, 3, 4, 5, 12, 13, 16, 31, 32, 255, 256, 257, -1, 1 << 16, int.MaxValue, int.MinValue];

    /// <summary>A file that somebody made has the right checksum, so that everything behind it is reached.</summary>
    [Fact]
    public async Task ACraftedFileIsRestoredOrRefusedByName()
    {
        using var folder = new TemporaryFolder();
        await using var engine = new Engine(new FakeRunner(64), options: new EngineOptions { ModelIdentity = "fake" });
        var ten = new GenerationOptions { MaxNewTokens = 10, EosTokenIds = [] };
        await using (var session = engine.StartSession("salt"))
        {
            await Alone.Read(session.ContinueAsync([1, 2, 3], ten));
            await session.SaveAsync(folder["good"]);
        }

        var good = File.ReadAllBytes(folder["good"]);
        var random = new Random(17);
        var (restored, refused) = (0, 0);
        for (var sample = 0; sample < 3_000; sample++)
        {
            File.WriteAllBytes(folder["crafted"], Craft(good, random));
            try
            {
                await using var session = await engine.RestoreSessionAsync(folder["crafted"]);
                var tokens = session.TokenIds.Count;
                Assert.InRange(session.ResidentTokens, 0, tokens);
                if (restored++ % 10 == 0)
                {
                    await Alone.Read(session.ContinueAsync([5], ten with { MaxNewTokens = 1 }));
                    Assert.InRange(session.TokenIds.Count, tokens + 1, tokens + 2);
                }
            }
            catch (Exception error) when (error is SessionFileException or ContextLengthException)
            {
                refused++;
                Assert.InRange(error.Message.Length, 1, 2_000);
            }
        }

        Assert.InRange(restored, 100, 2_900);
        Assert.InRange(refused, 100, 2_900);
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    private static byte[] Craft(byte[] good, Random random)
    {
        var content = good[..^Digest];
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            switch (random.Next(5))
            {
                case 0:
                    content = content[..random.Next(content.Length + 1)];
                    break;
                case 1:
                    content = [.. content, .. new byte[random.Next(1, 40)]];
                    break;
                case 2 when content.Length >= FirstNumber + 20:
                    BitConverter.TryWriteBytes(
                        content.AsSpan(FirstNumber + (4 * random.Next(5))), s_numbers[random.Next(s_numbers.Length)]);
                    break;
                case 3 when content.Length > FirstNumber + 24:
                    content[random.Next(FirstNumber + 20, content.Length)] = (byte)random.Next(256);
                    break;
                default:
                    if (content.Length > 0)
                    {
                        content[random.Next(content.Length)] ^= (byte)(1 << random.Next(8));
                    }

                    break;
            }
        }

        return [.. content, .. SHA256.HashData(content)];
    }
}
