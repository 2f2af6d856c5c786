using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Checkpoints;

/// <summary>weights/fetch.sh against a server that behaves as HuggingFace's, or badly.</summary>
public sealed class FetchWeightsTests : IDisposable
{
    private static readonly string[] Files = ["config.json", "generation_config.json", "vocab.json", "merges.txt", "model.safetensors"];

    private readonly TemporaryFolder published = new();
    private readonly TemporaryFolder fetched = new();
    private readonly HubServer server;

    public FetchWeightsTests()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || !File.Exists("/usr/bin/curl"), "fetch.sh needs bash and curl.");
        var config = new Gpt2Config { VocabSize = 3_001, ContextLength = 64, EmbeddingSize = 64, LayerCount = 2, HeadCount = 4 };
        FormulaCheckpoint.Write(published.Path, config);
        File.WriteAllText(published["vocab.json"], "{\"a\":0}");
        File.WriteAllText(published["merges.txt"], "#version: 0.2\n");
        server = new HubServer(published.Path);
    }

    public void Dispose()
    {
        server?.Dispose();
        published.Dispose();
        fetched.Dispose();
    }

    [Fact]
    public void AllFilesArriveCheckedAndTheLicenceIsSaid()
    {
        var (code, said) = Fetch("gpt2");

        Assert.True(code == 0, said);
        AssertAllArrived();
        Assert.Contains("MIT", said);
        Assert.All(server.Requests, request => Assert.Contains("/openai-community/gpt2/", request));
        Assert.Contains(Files, file => said.Contains($"{file}: {new FileInfo(fetched[file]).Length} bytes, checksum right"));
        using var checkpoint = Checkpoint.Open(fetched.Path);
        Assert.Equal(3_001, checkpoint.Config.VocabSize);
    }

    [Fact]
    public void ASecondRunNeedsNoServer()
    {
        Assert.Equal(0, Fetch("distilgpt2").Code);
        server.Dispose();

        var (code, said) = Fetch("distilgpt2");

        Assert.True(code == 0, said);
        Assert.Contains("Apache 2.0", said);
        Assert.Contains("model.safetensors: there and unchanged", said);
    }

    [Fact]
    public void AFileThatWasChangedIsFetchedAgain()
    {
        Assert.Equal(0, Fetch("gpt2").Code);
        File.AppendAllText(fetched["config.json"], " ");

        Assert.Equal(0, Fetch("gpt2").Code);

        AssertAllArrived();
    }

    [Fact]
    public void AnInterruptedDownloadGoesOnWhereItStopped()
    {
        server.CutAfter["model.safetensors"] = new Queue<int>([100_000, 150_000]);

        var (code, said) = Fetch("gpt2");

        Assert.True(code == 0, said);
        AssertAllArrived();
        Assert.Contains("interrupted at 100000 bytes", said);
        Assert.Contains("GET /openai-community/gpt2/resolve/main/model.safetensors bytes=100000-", server.Requests);
        Assert.Contains("GET /openai-community/gpt2/resolve/main/model.safetensors bytes=250000-", server.Requests);
    }

    [Fact]
    public void ARunThatWasKilledIsContinuedByTheNext()
    {
        File.WriteAllBytes(fetched["model.safetensors.part"], File.ReadAllBytes(published["model.safetensors"])[..77_777]);

        var (code, said) = Fetch("gpt2");

        Assert.True(code == 0, said);
        AssertAllArrived();
        Assert.Contains("GET /openai-community/gpt2/resolve/main/model.safetensors bytes=77777-", server.Requests);
    }

    [Fact]
    public void AWholeUncheckedFileIsNotFetchedAgain()
    {
        File.Copy(published["model.safetensors"], fetched["model.safetensors.part"]);

        var (code, said) = Fetch("gpt2");

        Assert.True(code == 0, said);
        AssertAllArrived();
    }

    [Fact]
    public void DebrisOfAnotherFileIsNoticedAndReplaced()
    {
        File.WriteAllBytes(fetched["model.safetensors.part"], new byte[5_000]);

        var (code, said) = Fetch("gpt2");

        Assert.True(code == 0, said);
        Assert.Contains("once more from the start", said);
        AssertAllArrived();
    }

    [Fact]
    public void AWrongChecksumIsAnErrorAndNothingIsKept()
    {
        server.Corrupt.Add("model.safetensors");

        var (code, said) = Fetch("gpt2");

        Assert.Equal(1, code);
        Assert.Contains("model.safetensors: the checksum is wrong", said);
        Assert.False(File.Exists(fetched["model.safetensors"]));
        Assert.False(File.Exists(fetched["model.safetensors.part"]));
    }

    [Fact]
    public void AWrongSmallFileIsNoticedToo()
    {
        server.Corrupt.Add("vocab.json");

        var (code, said) = Fetch("gpt2");

        Assert.Equal(1, code);
        Assert.Contains("vocab.json: the checksum is wrong", said);
    }

    [Fact]
    public void TheLargeFilePointerServesWhereTheHeaderDoesNot()
    {
        server.PlainTags = true;
        server.Corrupt.Add("model.safetensors");

        var (code, said) = Fetch("gpt2");

        Assert.Equal(1, code);
        Assert.Contains("config.json: WARNING", said);
        Assert.Contains("model.safetensors: the checksum is wrong", said);
    }

    [Fact]
    public void AServerThatIsNotThereIsNamed()
    {
        server.Dispose();

        var (code, said) = Fetch("gpt2");

        Assert.Equal(1, code);
        Assert.Contains($"{server.Address}/openai-community/gpt2/resolve/main/config.json cannot be reached", said);
    }

    [Theory]
    [InlineData("")]
    [InlineData("gpt3")]
    [InlineData("../gpt2")]
    public void AnotherNameIsAUsageError(string name)
    {
        var (code, said) = Fetch(name);

        Assert.Equal(2, code);
        Assert.Contains("gpt2|gpt2-medium|gpt2-large|gpt2-xl|distilgpt2", said);
        Assert.Empty(server.Requests);
    }

    private void AssertAllArrived()
    {
        foreach (var file in Files)
        {
            Assert.Equal(File.ReadAllBytes(published[file]), File.ReadAllBytes(fetched[file]));
        }

        Assert.DoesNotContain(Directory.EnumerateFiles(fetched.Path), file => file.EndsWith(".part", StringComparison.Ordinal));
    }

    private (int Code, string Said) Fetch(string name)
    {
        var start = new ProcessStartInfo("bash") { RedirectStandardError = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(RepositoryFiles.Weights("fetch.sh"));
        start.ArgumentList.Add(name);
        start.ArgumentList.Add(fetched.Path);
        start.Environment["TORCHKV_WEIGHTS_URL"] = server.Address + "/";
        start.Environment["no_proxy"] = "*";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var said = process.StandardError.ReadToEnd();
        Assert.True(process.WaitForExit(60_000));
        Assert.Equal("", output.Result);
        return (process.ExitCode, said);
    }

    /// <summary>Paths, headers, ranges and large-file pointers as HuggingFace's hub has them.</summary>
    private sealed class HubServer : IDisposable
    {
        private readonly HttpListener listener = new();
        private readonly string folder;

        public HubServer(string folder)
        {
            this.folder = folder;
            var probe = new TcpListener(IPAddress.Loopback, 0);
            probe.Start();
            Address = $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}";
            probe.Stop();
            listener.Prefixes.Add(Address + "/");
            listener.Start();
            _ = Serve();
        }

        public string Address { get; }

        public ConcurrentQueue<string> Requests { get; } = [];

        /// <summary>By file: after how many bytes each answer in turn breaks off.</summary>
        public Dictionary<string, Queue<int>> CutAfter { get; } = [];

        /// <summary>Files that are sent with one byte changed.</summary>
        public HashSet<string> Corrupt { get; } = [];

        /// <summary>Tags that are no checksums, as a plain file server's.</summary>
        public bool PlainTags { get; set; }

        public void Dispose() => listener.Close();

        private async Task Serve()
        {
            while (listener.IsListening)
            {
                try
                {
                    Answer(await listener.GetContextAsync());
                }
                catch (Exception error) when (error is HttpListenerException or ObjectDisposedException or IOException)
                {
                    // The client, or the test, is done.
                }
            }
        }

        private void Answer(HttpListenerContext context)
        {
            var (request, response) = (context.Request, context.Response);
            Requests.Enqueue($"{request.HttpMethod} {request.Url!.AbsolutePath} {request.Headers["Range"]}".TrimEnd());
            var parts = request.Url.AbsolutePath.Split('/');
            var file = parts[^1];
            if (parts.Length != 6 || !File.Exists(Path.Combine(folder, file)))
            {
                response.StatusCode = 404;
                response.Close();
                return;
            }

            var bytes = File.ReadAllBytes(Path.Combine(folder, file));
            var large = file == "model.safetensors";
            var sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes));
            if (parts[3] == "raw")
            {
                bytes = large ? Encoding.ASCII.GetBytes($"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {bytes.Length}\n") : bytes;
            }
            else if (PlainTags)
            {
                response.Headers["ETag"] = $"\"{bytes.Length:x}-5f\"";
            }
            else if (large)
            {
                response.Headers["X-Linked-Etag"] = $"\"{sha256}\"";
                response.Headers["ETag"] = "\"0123456789abcdef0123456789abcdef\"";
            }
            else
            {
                response.Headers["ETag"] = $"\"{Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {bytes.Length}\0"), .. bytes]))}\"";
            }

            if (parts[3] == "resolve" && Corrupt.Contains(file))
            {
                bytes[^1] ^= 1;
            }

            var first = 0;
            if (request.Headers["Range"] is { } range)
            {
                first = int.Parse(range["bytes=".Length..^1]);
                if (first >= bytes.Length)
                {
                    response.StatusCode = 416;
                    response.Close();
                    return;
                }

                response.StatusCode = 206;
                response.Headers["Content-Range"] = $"bytes {first}-{bytes.Length - 1}/{bytes.Length}";
            }

            response.ContentLength64 = bytes.Length - first;
            if (request.HttpMethod == "HEAD")
            {
                response.Close();
            }
            else if (CutAfter.TryGetValue(file, out var cuts) && cuts.TryDequeue(out var cut))
            {
                response.OutputStream.Write(bytes, first, cut);
                response.OutputStream.Flush();
                response.Abort();
            }
            else
            {
                response.Close(bytes[first..], willBlock: true);
            }
        }
    }
}
