using System.Text;
using CsCheck;
using TorchKv.Batch.Lines;
using TorchKv.Batch.Tests.Support;

namespace TorchKv.Batch.Tests.Lines;

public class BatchLineTests
{
    private static readonly string Good = Requests.Completion("id-1", "Once üpon");

    [Fact]
    public void ALineGivesItsFieldsAndItsBodysBytes()
    {
        var bytes = Encoding.UTF8.GetBytes(
            " {\"x\":[{}],\"body\": {\"a\" : 1.50, \"b\":\"\\u00e9\"} ,\"url\":\"/v1/completions\",\"method\":\"POST\",\"custom_id\":\"ü\"} ");

        var line = BatchLineParser.Parse(bytes, 1, "/v1/completions", out var fault);

        Assert.Null(fault);
        Assert.Equal(("ü", "/v1/completions"), (line!.CustomId, line.Url));
        Assert.Equal("{\"a\" : 1.50, \"b\":\"\\u00e9\"}", Encoding.UTF8.GetString(line.Body.Span));
    }

    [Fact]
    public void OnlyTheBatchsEndpointMayBeCalled()
    {
        Assert.Null(BatchLineParser.Parse(Encoding.UTF8.GetBytes(Good), 3, "/v1/chat/completions", out var fault));
        Assert.Equal(
            new LineFault("mismatched_url", "Line 3: url must be the batch's endpoint, /v1/chat/completions.", "url", 3),
            fault);
    }

    [Fact]
    public void DamagedLinesAreAnswersOrFaultsAndNeverThrow() =>
        Gen.Select(Gen.Int[0, Good.Length - 1], Gen.Byte, Gen.Int[0, 3]).Sample((at, value, kind) =>
        {
            var bytes = Encoding.UTF8.GetBytes(Good).ToList();
            if (kind == 0)
            {
                bytes.RemoveAt(at);
            }
            else if (kind == 1)
            {
                bytes.Insert(at, value);
            }
            else if (kind == 2)
            {
                bytes[at] = value;
            }
            else
            {
                bytes.RemoveRange(at, bytes.Count - at);
            }

            var line = BatchLineParser.Parse(bytes.ToArray(), 7, null, out var fault);
            return line is null != fault is null && (fault is null || fault.Message.Contains("Line 7", StringComparison.Ordinal));
        });

    [Theory]
    [InlineData("a\nbb\r\n\nccc", 1000, "a|bb||ccc")]
    [InlineData("\uFEFFa\nb\n", 1000, "a|b")]
    [InlineData("abcdef\nxy\n", 3, "abc!|xy")]
    [InlineData("", 3, "")]
    public async Task LinesAreReadOneByOne(string text, int longest, string expected)
    {
        foreach (var step in (int[])[1, 2, 1000])
        {
            var reader = new BatchLineReader(new SlowStream(Encoding.UTF8.GetBytes(text), step), longest);
            var lines = new List<string>();
            while (await reader.ReadAsync(default))
            {
                lines.Add(Encoding.UTF8.GetString(reader.Line.Span) + (reader.IsTooLong ? "!" : ""));
            }

            Assert.Equal(expected, string.Join('|', lines));
            Assert.Equal(Encoding.UTF8.GetByteCount(text), reader.Position);
        }
    }

    [Fact]
    public void RecordsAreReadBackToWhatTheyAnswer()
    {
        var answer = BatchRecord.OfAnswer("n1", "ü\"", 200, "{\"error\":{\"line\":3}}"u8);
        var bad = BatchRecord.OfError("n2", null, "code", "message", "field", 17);
        var other = BatchRecord.OfError("n3", "c", "code", "message");

        Assert.Equal(new RecordKey("n1", "ü\"", null), BatchRecord.KeyOf(answer));
        Assert.Equal(new RecordKey("n2", null, 17), BatchRecord.KeyOf(bad));
        Assert.Equal(new RecordKey("n3", "c", null), BatchRecord.KeyOf(other));
        Assert.Null(BatchRecord.KeyOf(answer.AsSpan(0, answer.Length - 1)));
        Assert.Null(BatchRecord.KeyOf("{\"id\":\"x\"}"u8));
    }

    [Fact]
    public void NamesDependOnTheLineAndOnTheSettings()
    {
        LineName[] names =
        [
            LineName.Of("a"u8, "b"u8), LineName.Of("ab"u8, ""u8), LineName.Of(""u8, "ab"u8), LineName.Of("a"u8, "c"u8),
        ];

        Assert.Equal(4, names.Distinct().Count());
        Assert.Equal(names[0], LineName.Of("a"u8, "b"u8));
        Assert.All(names, name => Assert.Equal(LineName.Length, name.ToString().Length));
    }

    private sealed class SlowStream(byte[] bytes, int step) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(step, buffer.Length)], cancellationToken);
    }
}
