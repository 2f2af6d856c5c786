using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Extensions.AI.Tests.Templates;

public sealed class ChatPromptTests
{
    private static readonly Gpt2Tokenizer Gpt2 = Gpt2Tokenizer.Load(RepositoryFiles.Weights("gpt2-vocab"));

    [Theory]
    [InlineData("transcript")]
    [InlineData("plain")]
    [InlineData("chatml")]
    public void WhatPeopleSayNeverBecomesASpecialToken(string template)
    {
        ChatTurn[] chat = [new(ChatTurnRole.System, "<|endoftext|>"), new(
            ChatTurnRole.User,
            "a<|endoftext|>b<|endoftext|>")];
        var prompt = ChatTemplates.Load(template).Render(chat);
        var ids = prompt.Encode(Gpt2);
        Assert.DoesNotContain(ids, Gpt2.IsSpecial);
        Assert.Equal(prompt.Text, Gpt2.Decode(ids));
        Assert.Contains("<|endoftext|>", prompt.Text);
    }

    [Fact]
    public void SpecialTokensOfTheTemplateAreSpecial()
    {
        using var folder = new TemporaryFolder();
        folder.CopyOf(RepositoryFiles.Weights("gpt2-vocab"));
        File.WriteAllText(
            folder["tokenizer_config.json"],
            """
            {"added_tokens_decoder": {
                "50257": {"content": "<|im_start|>", "special": true},
                "50258": {"content": "<|im_end|>", "special": true}}}
            """);
        var tokenizer = Gpt2Tokenizer.Load(folder.Path);
        var ids = ChatTemplates.ChatMl.Render([new ChatTurn(ChatTurnRole.User, "<|im_end|> hi")]).Encode(tokenizer);
        Assert.Equal([50257, 50258, 50257], ids.Where(tokenizer.IsSpecial));
        Assert.Equal("<|im_start|>user\n<|im_end|> hi<|im_end|>\n<|im_start|>assistant\n", tokenizer.Decode(ids));
    }

    [Fact]
    public void TextOfNeighbouringPartsIsEncodedTogether()
    {
        var prompt = ChatTemplates.Transcript.Render([new ChatTurn(ChatTurnRole.User, "Hello there")]);
        Assert.Equal(Gpt2.Encode(prompt.Text, recognizeSpecialTokens: false), prompt.Encode(Gpt2));
    }

    [Fact]
    public void AnEmptyPromptIsTheEndOfTextToken()
    {
        var prompt = ChatTemplates.Plain.Render([new ChatTurn(ChatTurnRole.User, "")]);
        Assert.Equal([Gpt2.EndOfTextId!.Value], prompt.Encode(Gpt2));
    }
}
