using TorchKv.Extensions.AI.Templates;
using TorchKv.TestSupport;

namespace TorchKv.Extensions.AI.Tests.Templates;

public sealed class ChatTemplateTests
{
    private static readonly ChatTurn[] Chat =
    [
        new(ChatTurnRole.System, "Be kind."),
        new(ChatTurnRole.User, "Hi"),
        new(ChatTurnRole.Assistant, "Hello!"),
        new(ChatTurnRole.User, "Who are you?"),
    ];

    [Fact]
    public void TranscriptWritesTheConversationDown()
    {
        var prompt = ChatTemplates.Transcript.Render(Chat);
        Assert.Equal("Be kind.\n\nUser: Hi\nAssistant: Hello!\nUser: Who are you?\nAssistant:", prompt.Text);
        Assert.Equal(["\nUser:"], prompt.Stop);
        Assert.True(prompt.TrimsAnswerStart);
    }

    [Fact]
    public void PlainJoinsTheTexts()
    {
        var prompt = ChatTemplates.Plain.Render(Chat);
        Assert.Equal("Be kind.\n\nHi\n\nHello!\n\nWho are you?", prompt.Text);
        Assert.Empty(prompt.Stop);
        Assert.False(prompt.TrimsAnswerStart);
    }

    [Fact]
    public void ChatMlMarksEveryTurn()
    {
        var prompt = ChatTemplates.ChatMl.Render(Chat[..2]);
        Assert.Equal(
            "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
            prompt.Text);
        Assert.Equal(["<|im_end|>"], prompt.Stop);
    }

    [Theory]
    [InlineData("transcript", "User: Hi\nAssistant: Hello!")]
    [InlineData("plain", "Hi\n\nHello!")]
    [InlineData("chatml", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!")]
    public void AnOpenLastTurnCanBeContinued(string name, string expected)
    {
        var prompt = ChatTemplates.Load(name).Render(Chat[1..3], ChatEnding.OpenLastTurn);
        Assert.Equal(expected, prompt.Text);
        Assert.False(prompt.TrimsAnswerStart);
    }

    [Fact]
    public void AFileWritesTurnsAsItSays()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["alpaca.json"], """
            {"system": "{text}\n\n", "user": "### Instruction:\n{text}\n\n", "assistant": "### Response:\n{text}\n\n",
             "answer": "### Response:\n", "stop": ["### Instruction:"], "trim": true}
            """);
        var template = ChatTemplates.Load(folder["alpaca.json"]);
        var prompt = template.Render(Chat[..2]);
        Assert.Equal("alpaca", template.Name);
        Assert.Equal("Be kind.\n\n### Instruction:\nHi\n\n### Response:\n", prompt.Text);
        Assert.Equal(["### Instruction:"], prompt.Stop);
        Assert.True(prompt.TrimsAnswerStart);
    }

    [Theory]
    [InlineData("""{"user": "{text}"}""", "assistant")]
    [InlineData("""{"user": "no slot", "assistant": "{text}"}""", "{text} exactly once")]
    [InlineData("""{"user": "{text}", "assistant": "{text}", "usr": 1}""", "usr")]
    [InlineData("""{"user": "{text}", "assistant": "{text}", "stop": [""]}""", "stop")]
    [InlineData("""{"user": "{text}", "assistant": "{text}", "trim": 3}""", "JSON")]
    [InlineData("""{"user": """, "JSON")]
    [InlineData("{{ messages[0].content }}", "Jinja")]
    public void AFileThatIsNoTemplateIsRefusedByName(string content, string named)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["bad.template"], content);
        var error = Assert.Throws<ChatTemplateException>(() => ChatTemplates.Load(folder["bad.template"]));
        Assert.Contains(folder["bad.template"], error.Message);
        Assert.Contains(named, error.Message);
    }

    [Fact]
    public void AnUnknownNameListsTheKnownOnes()
    {
        var error = Assert.Throws<ChatTemplateException>(() => ChatTemplates.Load("llama9"));
        Assert.Contains("transcript, plain, chatml", error.Message);
    }

    [Fact]
    public void TheUsualJinjaOfChatMlIsKnown()
    {
        using var folder = new TemporaryFolder();
        var source = "{% for message in messages %}"
            + "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
            + "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
        File.WriteAllText(folder["chat_template.jinja"], source);
        Assert.Same(ChatTemplates.ChatMl, ChatTemplates.OfModel(folder.Path));
    }

    [Fact]
    public void AModelsOtherTemplateIsRefusedByItsFile()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["tokenizer_config.json"], """{"chat_template": "{{ raise_exception('no') }}"}""");
        var error = Assert.Throws<ChatTemplateException>(() => ChatTemplates.OfModel(folder.Path));
        Assert.Contains("tokenizer_config.json", error.Message);
    }

    [Fact]
    public void AModelWithoutATemplateGetsTheTranscript()
        => Assert.Same(ChatTemplates.Transcript, ChatTemplates.OfModel(RepositoryFiles.Weights("storyteller")));
}
